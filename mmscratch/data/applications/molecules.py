"""Small molecules in pairs of equal composition, and an assay condition in words.

A molecule is a graph: atoms C, N, O, F joined by single bonds, connected, no atom with more bonds than its
valence (4, 3, 2, 1; the rest is hydrogen). Each has one N and one O. Molecules come in pairs with the *same
skeleton* and the same atoms, that differ in where the O is: beside the N, or not, and each time on an atom of
as many bonds. So the bag of atoms, even of (atom, number of bonds), is equal in a pair, and so is the number
of bonds and rings.

    active = (N and O are joined) XOR (the assay is alkaline)

Every molecule is assayed in acid and in alkali. Counting, over such a set: of a molecule both labels occur,
so what knows the graph alone is right in half of the cases; of a condition likewise; and what knows the bag
of atoms and the condition meets both labels in each pair: half again. Graph and words together tell
everything.
"""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np

__all__ = [
    "ATOMS", "CONDITIONS", "Molecules", "VALENCE", "condition_text", "fingerprint", "is_valid", "joined",
    "make_molecules",
]  # fmt: skip

ATOMS = ("C", "N", "O", "F")
VALENCE = {"C": 4, "N": 3, "O": 2, "F": 1}
CONDITIONS = ("acidic", "alkaline")
_BEFORE = ("the assay was run in", "measured in", "activity was read in", "after one hour in")
_AFTER = {
    "acidic": ("an acidic buffer", "dilute acid", "a buffer that is acidic",
               "a solution that is not alkaline"),
    "alkaline": ("an alkaline buffer", "dilute alkali", "a buffer that is alkaline",
                 "a solution that is not acidic"),
}  # fmt: skip
MOST = 10
"""Atoms in a molecule, at most."""


@dataclasses.dataclass
class Molecules:
    """Cases: atoms (N, 10) numbers of ATOMS, −1 where none; bonds (N, 10, 10) bool; texts; target (N,).

    joined (N,) bool: N and O share a bond; condition (N,); pair (N,): twins and their two assays share a
    number.
    """

    atoms: np.ndarray
    bonds: np.ndarray
    texts: list
    target: np.ndarray
    joined: np.ndarray
    condition: np.ndarray
    pair: np.ndarray

    def __len__(self):
        return len(self.target)

    @property
    def mask(self):
        """Where an atom is: (N, 10) bool."""
        return self.atoms >= 0


def is_valid(atoms, bonds):
    """Is it connected, are the bonds symmetric and loopless, and does no atom have more than its valence?"""
    there = atoms >= 0
    n = int(there.sum())
    bonds = np.asarray(bonds, bool)
    if n == 0 or (bonds != bonds.T).any() or bonds.diagonal().any() or bonds[~there].any():
        return False
    reached = np.zeros(len(atoms), bool)
    reached[there.argmax()] = True
    for _ in range(n):
        reached |= bonds[reached].any(axis=0)
    limit = np.array([VALENCE[ATOMS[a]] for a in atoms[there]])
    return bool(reached.sum() == n and (bonds.sum(1)[there] <= limit).all())


def joined(atoms, bonds):
    """Does an N share a bond with an O?"""
    return bool(bonds[np.ix_(atoms == ATOMS.index("N"), atoms == ATOMS.index("O"))].any())


def fingerprint(atoms, bonds):
    """Equal for molecules that are the same but for numbering (Weisfeiler & Leman, 1968): bytes.

    As many rounds as there are atoms of: my colour is a hash of my colour and my neighbours', sorted. Some
    graphs that differ share one, so leaving out equal ones leaves out a few too many, never too few.
    """
    there = np.flatnonzero(atoms >= 0)
    colour = {i: ATOMS[atoms[i]].encode() for i in there}
    for _ in there:
        near = {i: sorted(colour[j] for j in np.flatnonzero(bonds[i])) for i in there}
        colour = {i: hashlib.sha256(b"|".join([colour[i], *near[i]])).digest()[:8] for i in there}
    return b"".join(sorted(colour.values()))


def _skeleton(random):
    """A random connected graph, no atom with more than four bonds: a tree, half of them with a ring."""
    n = int(random.integers(6, MOST + 1))
    bonds = np.zeros((MOST, MOST), bool)
    for i in range(1, n):
        free = np.flatnonzero(bonds[:i].sum(1) < 3)
        j = free[random.integers(len(free))]
        bonds[i, j] = bonds[j, i] = True
    if random.integers(2):
        i, j = np.triu_indices(n, 2)
        fit = ~bonds[i, j] & (bonds[i].sum(1) < 4) & (bonds[j].sum(1) < 4)
        if fit.any():
            k = random.choice(np.flatnonzero(fit))
            bonds[i[k], j[k]] = bonds[j[k], i[k]] = True
    return n, bonds


def _pair(random):
    """Two molecules of one skeleton: N and O joined, and not; None where it has no such places."""
    n, bonds = _skeleton(random)
    degree = bonds.sum(1)
    places = []
    for i in np.flatnonzero(degree[:n] <= VALENCE["N"]):
        fit = (np.arange(MOST) < n) & (degree <= VALENCE["O"]) & (np.arange(MOST) != i)
        near, far = np.flatnonzero(fit & bonds[i]), np.flatnonzero(fit & ~bonds[i])
        places += [(i, j, k) for j in near for k in far if degree[j] == degree[k]]
    if not places:
        return None
    i, j, k = places[random.integers(len(places))]
    common = np.full(MOST, -1)
    common[:n] = ATOMS.index("C")
    leaves = np.flatnonzero((degree == 1) & ~np.isin(np.arange(MOST), (i, j, k)))
    common[leaves[random.integers(0, 2, len(leaves)) == 1]] = ATOMS.index("F")
    common[i] = ATOMS.index("N")
    found = []
    for place in (j, k):
        atoms = common.copy()
        atoms[place] = ATOMS.index("O")
        found.append(atoms)
    order = random.permutation(n)
    moved = np.zeros_like(bonds)
    moved[:n, :n] = bonds[np.ix_(order, order)]
    return [np.concatenate([atoms[:n][order], atoms[n:]]) for atoms in found], moved


def condition_text(condition, random):
    """A sentence that tells a condition; half of them by denying the other.

    Errors     ValueError for an unknown condition
    """
    if condition not in CONDITIONS:
        raise ValueError(
            f"condition_text: condition: expected one of {', '.join(CONDITIONS)}, got {condition!r}"
        )
    told = _AFTER[condition]
    said = told[3] if random.integers(2) else told[random.integers(3)]
    return f"{_BEFORE[random.integers(len(_BEFORE))]} {said}"


def make_molecules(pairs=200, seed=0, without=()):
    """4 · pairs cases: two molecules, each in acid and in alkali, in random order; no molecule comes twice.

    without    fingerprints of molecules that must not come, as those of a training set
    Errors     ValueError for fewer than one pair, or where so many different ones were not found
    """
    if pairs < 1:
        raise ValueError(f"make_molecules: pairs: expected at least 1, got {pairs}")
    known, tries = set(without), 0
    random = np.random.default_rng([seed, 0x3019])
    rows = []
    while len(rows) < 4 * pairs:
        tries += 1
        if tries > 200 + 50 * pairs:
            raise ValueError(f"make_molecules: pairs: {pairs} different ones were not found; expected fewer")
        found = _pair(random)
        if found is None:
            continue
        both, bonds = found
        prints = {fingerprint(atoms, bonds) for atoms in both}
        if prints & known:
            continue
        known |= prints
        for together, atoms in zip((True, False), both, strict=True):
            for c, name in enumerate(CONDITIONS):
                rows.append((atoms, bonds, condition_text(name, random), together, c, len(rows) // 4))
    atoms, bonds, texts, together, condition, pair = zip(*(rows[i] for i in random.permutation(len(rows))),
                                                         strict=True)  # fmt: skip
    together, condition = np.array(together), np.array(condition)
    target = (together ^ (condition == 1)).astype(np.int64)
    return Molecules(
        np.array(atoms), np.array(bonds), list(texts), target, together, condition, np.array(pair)
    )
