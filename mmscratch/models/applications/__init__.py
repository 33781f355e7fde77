"""Models of the applications: recommenders, sequences of views, warps, and readers of two modalities.

recommenders     matrix factorisation by alternating least squares, BPR, VBPR
sequences        the next item by a GRU or by self-attention over features of items
thin_plate       thin-plate splines and affine maps between landmarks, and compositing
readers          a scan and its report; a molecule and its assay; vital signs and a note
"""
