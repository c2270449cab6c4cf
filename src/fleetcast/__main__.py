"""`python -m fleetcast` is the command line."""

from fleetcast.cli import main

if __name__ == "__main__":
    main()
