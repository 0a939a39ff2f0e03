"""Picture-side maths: numpy, PIL and OpenCV only."""
