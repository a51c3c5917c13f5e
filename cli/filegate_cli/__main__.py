"""`python -m filegate_cli` is the `filegate` command."""

from filegate_cli.app import app

if __name__ == "__main__":
    app()
