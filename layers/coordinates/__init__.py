"""Reference systems and datums: conversion to CGCS2000 and back."""
