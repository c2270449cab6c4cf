"""What should happen next: the campaign engine. Events in, effects out; pure."""
