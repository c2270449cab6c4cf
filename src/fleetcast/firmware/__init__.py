"""What is being sent: images and their formats. Pure."""
