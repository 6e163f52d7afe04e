"""Taking units out of a model in place, scope by scope: what the plug-ins in pruning/methods/ share."""
