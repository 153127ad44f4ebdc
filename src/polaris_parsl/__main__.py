"""Command line: `python -m polaris_parsl`, started by the `polaris-parsl` of an install."""

from polaris_parsl.cli.start import main

if __name__ == "__main__":
    main()
