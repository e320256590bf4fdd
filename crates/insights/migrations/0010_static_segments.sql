-- A static segment holds a list of identifiers, which lies in a file of the data folder.
ALTER TABLE segments ADD COLUMN list_key TEXT;
ALTER TABLE segments ADD COLUMN list_file TEXT;
ALTER TABLE segments ADD COLUMN list_identifiers BIGINT;
