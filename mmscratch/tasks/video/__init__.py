"""Clips: which nets see the arrow of time?"""
