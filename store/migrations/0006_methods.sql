-- Version 6: what the pruning methods are, so that a report can say it without their code.

CREATE TABLE methods (
    run_id     VARCHAR NOT NULL,
    method     VARCHAR NOT NULL,
    version    INTEGER NOT NULL,
    scope      VARCHAR NOT NULL,
    origin     VARCHAR NOT NULL,
    calibrated BOOLEAN NOT NULL,
    random     BOOLEAN NOT NULL
);

CREATE OR REPLACE VIEW current_methods AS
SELECT * FROM methods
QUALIFY row_number() OVER (PARTITION BY method, version ORDER BY run_id DESC, origin) = 1;
