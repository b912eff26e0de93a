"""From verdicts to groups: which pictures may match, the stars, and the kept file."""
