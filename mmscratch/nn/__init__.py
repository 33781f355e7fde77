"""Modules: parameters, how they begin, and what is done with them. Names are PyTorch's where it has one."""

# ruff: noqa: F403
from . import init as init
from .activation import *
from .attention import *
from .container import *
from .convolution import *
from .dropout import *
from .graph import *
from .linear import *
from .loss import *
from .module import *
from .normalization import *
from .pooling import *
from .position import *
from .recurrence import *
from .transformer import *
