-- A store of the first schema (sayo_0001) with a little in it. Never changed: it stands for stores out there.
BEGIN TRANSACTION;
CREATE TABLE adapter_switches (
	id INTEGER NOT NULL, 
	adapter_id INTEGER, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_adapter_switches PRIMARY KEY (id), 
	CONSTRAINT fk_adapter_switches_adapter_id_adapters FOREIGN KEY(adapter_id) REFERENCES adapters (id)
);
INSERT INTO "adapter_switches" VALUES(1,1,'2026-11-23 14:25:05.430934');
CREATE TABLE adapters (
	id INTEGER NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	path TEXT NOT NULL, 
	base_model TEXT NOT NULL, 
	run_id INTEGER, 
	created_at DATETIME NOT NULL, 
	summary JSON NOT NULL, 
	CONSTRAINT pk_adapters PRIMARY KEY (id)
);
INSERT INTO "adapters" VALUES(1,'first','adapters/first','bundled',1,'2026-11-23 14:25:05.414505','{"after": {"accuracy": 0.5}}');
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('sayo_0001');
CREATE TABLE correction_revisions (
	id INTEGER NOT NULL, 
	correction_id INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	question TEXT NOT NULL, 
	regions JSON NOT NULL, 
	corrected_answer TEXT, 
	state VARCHAR(20) NOT NULL, 
	author VARCHAR(200) NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_correction_revisions PRIMARY KEY (id), 
	CONSTRAINT fk_correction_revisions_correction_id_corrections FOREIGN KEY(correction_id) REFERENCES corrections (id), 
	CONSTRAINT uq_correction_revisions_correction_id_revision UNIQUE (correction_id, revision), 
	CONSTRAINT ck_correction_revisions_state CHECK (state IN ('draft', 'submitted', 'accepted', 'rejected', 'deleted'))
);
INSERT INTO "correction_revisions" VALUES(1,1,1,'What is left of the apple?','[{"kind": "box", "box_xyxy": [10.0, 5.0, 30.0, 25.0], "points_xy": [], "label": "pear", "step": null, "look": true}, {"kind": "polygon", "box_xyxy": [1.0, 1.0, 9.0, 8.0], "points_xy": [[1.0, 1.0], [9.0, 1.0], [5.0, 8.0]], "label": "", "step": 1, "look": false}]',NULL,'submitted','Ada','2026-11-23 14:25:05.435973');
INSERT INTO "correction_revisions" VALUES(2,1,2,'What is left of the apple?','[{"kind": "box", "box_xyxy": [10.0, 5.0, 30.0, 25.0], "points_xy": [], "label": "pear", "step": null, "look": true}, {"kind": "polygon", "box_xyxy": [1.0, 1.0, 9.0, 8.0], "points_xy": [[1.0, 1.0], [9.0, 1.0], [5.0, 8.0]], "label": "", "step": 1, "look": false}]','plum','submitted','Bo','2026-11-23 14:25:05.446374');
INSERT INTO "correction_revisions" VALUES(3,1,3,'What is left of the apple?','[{"kind": "box", "box_xyxy": [10.0, 5.0, 30.0, 25.0], "points_xy": [], "label": "pear", "step": null, "look": true}, {"kind": "polygon", "box_xyxy": [1.0, 1.0, 9.0, 8.0], "points_xy": [[1.0, 1.0], [9.0, 1.0], [5.0, 8.0]], "label": "", "step": 1, "look": false}]','plum','deleted','Cy','2026-11-23 14:25:05.451329');
INSERT INTO "correction_revisions" VALUES(4,2,1,'How many?','[]','2','submitted','','2026-11-23 14:25:05.454773');
CREATE TABLE corrections (
	id INTEGER NOT NULL, 
	picture_id VARCHAR(64) NOT NULL, 
	model TEXT NOT NULL, 
	adapter_id INTEGER, 
	answer_shown TEXT NOT NULL, 
	trace_id VARCHAR(64), 
	origin VARCHAR(20) NOT NULL, 
	family VARCHAR(100), 
	revision INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_corrections PRIMARY KEY (id), 
	CONSTRAINT fk_corrections_picture_id_pictures FOREIGN KEY(picture_id) REFERENCES pictures (id), 
	CONSTRAINT fk_corrections_adapter_id_adapters FOREIGN KEY(adapter_id) REFERENCES adapters (id), 
	CONSTRAINT ck_corrections_origin CHECK (origin IN ('person', 'generated'))
);
INSERT INTO "corrections" VALUES(1,'1a51dd495cdb41e051bcbbbd41f036eb94eede482d79164d26ec482a1b6fda34','bundled',1,'A pear.',NULL,'person',NULL,3,'2026-11-23 14:25:05.435973');
INSERT INTO "corrections" VALUES(2,'1a51dd495cdb41e051bcbbbd41f036eb94eede482d79164d26ec482a1b6fda34','bundled',NULL,'',NULL,'generated','count',1,'2026-11-23 14:25:05.454773');
CREATE TABLE pictures (
	id VARCHAR(64) NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_pictures PRIMARY KEY (id)
);
INSERT INTO "pictures" VALUES('1a51dd495cdb41e051bcbbbd41f036eb94eede482d79164d26ec482a1b6fda34',100,50,'2026-11-23 14:25:05.396665');
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	slot INTEGER NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	config JSON NOT NULL, 
	pid INTEGER, 
	process_started_at DOUBLE, 
	error TEXT, 
	created_at DATETIME NOT NULL, 
	started_at DATETIME, 
	cancel_requested_at DATETIME, 
	finished_at DATETIME, 
	adapter_id INTEGER, 
	CONSTRAINT pk_runs PRIMARY KEY (id), 
	CONSTRAINT fk_runs_adapter_id_adapters FOREIGN KEY(adapter_id) REFERENCES adapters (id), 
	CONSTRAINT ck_runs_state CHECK (state IN ('queued', 'running', 'finished', 'failed', 'cancelled'))
);
INSERT INTO "runs" VALUES(1,0,'finished','{"reward": "sayo+answer", "steps": 3, "num_generations": 8, "prompts_per_step": 4, "learning_rate": 0.0001, "beta": 0.001, "epsilon": 0.2, "temperature": 1.0, "top_p": 0.9, "max_new_tokens": 80, "lora_rank": 16, "lora_alpha": 32, "weight_decay": 0.01, "max_grad_norm": 0.8, "seed": 0, "held_out_share": 0.25, "eval_every": 10, "base_adapter_id": null, "model": "bundled", "name": ""}',4242,1700000000.5,NULL,'2026-11-23 14:25:05.404132','2026-11-23 14:25:05.419016',NULL,'2026-11-23 14:25:05.425447',1);
CREATE INDEX ix_corrections_picture_id ON corrections (picture_id);
CREATE UNIQUE INDEX one_active_run ON runs (slot) WHERE state IN ('queued', 'running');
COMMIT;
