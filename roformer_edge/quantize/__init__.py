"""What is stored and computed in which number format, and with which ranges."""
