"""Language models on gain-cell attention: conversion, checkpoints, evaluation, generation."""
