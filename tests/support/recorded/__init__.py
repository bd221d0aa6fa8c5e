"""What the tasks asked of the emulator and what it answered, compared with AWS's own data."""
