"""The whole way from a file to a Measurement: of a picture, of a mosaic, of labels made elsewhere."""
