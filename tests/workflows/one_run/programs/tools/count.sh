#!/bin/bash
wc -l < "${BASH_SOURCE%/*}/table.csv"
