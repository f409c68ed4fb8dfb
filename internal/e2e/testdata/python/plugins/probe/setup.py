from setuptools import setup

setup(name='reify-e2e-probe', version='1.0', packages=['probe'])
