"""The rules that every file of the project keeps."""
