"""`python -m nanogauge`: the command line."""

from nanogauge.apps.cli.main import main

if __name__ == "__main__":
    main()
