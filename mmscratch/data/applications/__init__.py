"""Small worlds for applications, each with its truth and what can be reached in it at best.

shop        pictures that are offered, and users whose preferences are known
views       sessions of views, and the exact probability of what is viewed next
garments    figures, garments, and the true map from one to the other
scans       pictures with lesions, reports, and masks
molecules   molecular graphs in pairs of equal composition, and assay conditions
vitals      time series and notes, and Bayes' rule for them

NumPy only; every random draw takes a seed.
"""
