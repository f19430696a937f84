"""What the command line does beside `run`: agents, people and their acts, explanations, reports, checks of the chain."""
