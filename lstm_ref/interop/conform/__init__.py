"""To how many digits a framework's outputs and gradients agree with ours, measured for each feature and framework."""
