"""Derives the backward pass of any forward: a page, readable code and its proof."""
