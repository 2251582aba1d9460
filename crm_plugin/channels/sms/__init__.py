"""SMS: approved templates with placeholders, their length, and the channel that renders them."""
