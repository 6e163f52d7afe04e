"""What the warm server imports first, and nobody else: from then on it does not look for garbage.

What imports make stays, and looking through it again and again is a quarter of the time that torch and transformers
take. Its children look for garbage again (`pipeline.engines.child`).
"""

import gc

gc.disable()
