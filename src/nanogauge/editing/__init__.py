"""What a person changes in a measured micrograph, and what follows from it; without page or window."""
