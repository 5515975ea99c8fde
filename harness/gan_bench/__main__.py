"""``python -m gan_bench`` is ``gan-bench``."""

from gan_bench.cli.main import main

if __name__ == "__main__":
    main(prog_name="gan-bench")
