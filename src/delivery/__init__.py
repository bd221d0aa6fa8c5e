"""Ships images and releases functions; knows nothing of where the cloud it talks to runs."""
