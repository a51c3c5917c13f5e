"""`python -m filegate_local` is the `filegate` command."""

from filegate_local.cli import app

if __name__ == "__main__":
    app()
