"""What a person runs: the command line, the page, the napari plugin."""
