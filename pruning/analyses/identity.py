"""Under which name and revision a checkpoint's numbers stand in the store: as stage 1 would name it."""

from pruning.analyses.specification import ModelIdentity
from pruning.models import Checkpoint
from pruning.reference import REFERENCE_MODELS, model_folder
from store.provenance import content_revision


def identify(checkpoint: Checkpoint) -> ModelIdentity:
    """Return the identity of a checkpoint.

    The revision of a Hub model is its commit, that of a local one a hash of its config and weights.
    """
    folder, name = checkpoint.folder, checkpoint.name.encode("utf-8", "backslashreplace").decode()
    reference = name.removeprefix("reference/")
    files = [folder / "config.json", *sorted(folder.glob("*.safetensors"))]
    if reference in REFERENCE_MODELS and folder.resolve() == model_folder(reference).resolve():
        return ModelIdentity(f"reference/{reference}", "reference", content_revision(files))
    if "/" in name:
        return ModelIdentity(name, "hub", folder.resolve().name)
    return ModelIdentity(name, "directory", content_revision(files))
