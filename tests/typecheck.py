"""The runtime type checker of the tests: beartype, with ints where floats are asked for (PEP 484's numeric tower)."""

from beartype import BeartypeConf, beartype

checker = beartype(conf=BeartypeConf(is_pep484_tower=True))
