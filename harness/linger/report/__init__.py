"""The report of a run as web pages: an index, and a page for each scenario.

Every page is one file without scripts, which opens from a disk without a network. The drawings
are useful elsewhere too: `ladder.draw` (a connection's ladder) and `plot.draw` (a timeline)
return SVG that takes its colours from the page's CSS variables, or has its own without them.
"""
