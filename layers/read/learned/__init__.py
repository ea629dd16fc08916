"""What an actor may learn of besides rows: the changes of a layer, and the times of a property."""
