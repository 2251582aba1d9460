"""How a message reaches a person: SMS, e-mail, private message; content, carriers, rates."""
