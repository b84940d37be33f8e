"""What ``python -m secr_nea`` runs."""

from secr_nea.cli import app

if __name__ == "__main__":
    app()
