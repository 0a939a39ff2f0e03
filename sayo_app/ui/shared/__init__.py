"""What every tab uses: the studio, answers, charts, how handlers speak."""
