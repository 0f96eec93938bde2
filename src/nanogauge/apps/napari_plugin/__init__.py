"""The napari plugin: open a micrograph, measure it, mend the labels, measure again. docs/napari-fiji.md says how it is used.

napari.yaml   what napari is told of the plugin (npe2 manifest)
reader        file -> image layer with its scale         writer   labels layer -> labels TIFF, ImageJ ROIs
layers        Measurement -> layers, layer -> Micrograph  sample   rendered micrographs to try it with
editing       edited labels -> Measurement                saving   Measurement -> results folder
widget, panel, results_view, colours   the dock widget: the only modules that import napari and Qt
"""
