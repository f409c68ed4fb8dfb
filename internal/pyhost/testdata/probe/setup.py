from setuptools import setup

setup(name='reify-probe', version='1.2', packages=['probe'], install_requires=['fusion-common'])
