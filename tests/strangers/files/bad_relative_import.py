# expect: 2
# says: bad_relative_import
# A relative import in a file that is in no package.
from .nothing import K
inputs = {}
