"""The dtypes of xframes that depend on the version of pandas."""

import pandas as pd

# pandas 3 has a `str` of its own; pandas 2 has nullable text, which goes with its Int64 and boolean.
TEXT = "str" if int(pd.__version__.partition(".")[0]) >= 3 else "string"
