"""A lasting index: the pictures of some folders, prepared to be asked about, in a folder of files.

`manifest` is the one file that is ever replaced; `segment` the files that it names, which never
change; `words` finds equal parts of keypoints in them, and `pieces` tells whether they are as they
were written; `snapshot` is what a reader sees, `writer` what a writer does.
"""
