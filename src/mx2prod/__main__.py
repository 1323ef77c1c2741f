"""``python -m mx2prod`` is ``mx2``."""

from mx2prod.cli.main import main

if __name__ == "__main__":
    main()
