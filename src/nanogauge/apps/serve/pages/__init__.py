"""The pages, laid out with NiceGUI: gallery, one micrograph, samples, report."""
