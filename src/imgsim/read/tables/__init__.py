"""Pictures in the rows of tables: Parquet, and the Arrow files of Hugging Face's data sets."""
