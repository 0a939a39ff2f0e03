"""`python -m sayo_app.mllm.bench`: what recording attention costs; see `capture_cost`."""

from sayo_app.mllm.bench.capture_cost import main

if __name__ == "__main__":
    main()
