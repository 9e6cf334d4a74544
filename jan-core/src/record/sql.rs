//! Records in a SQL database.

use async_trait::async_trait;

use super::{Millis, Record, RecordStore};
use crate::page::{Order, Page, PageRequest};
use crate::sql::{Db, Migration, Row, Value};
use crate::{Result, Transaction, Transactional, UserId};

/// Stores records in one table.
pub(super) struct SqlRecords {
    db: Db,
}

const STEPS: &[Migration] = &[Migration {
    number: 1,
    sqlite: include_str!("../../migrations/sqlite/0001_record.sql"),
    postgres: include_str!("../../migrations/postgres/0001_record.sql"),
}];

impl SqlRecords {
    pub(super) async fn open(db: Db) -> Result<Self> {
        db.migrate_reserved("record", STEPS).await?;
        Ok(Self { db })
    }
}

const GET: &str = "SELECT * FROM record WHERE kind = $1 AND id = $2 AND owner = $3";

#[async_trait]
impl Transactional for SqlRecords {
    async fn begin(&self) -> Result<Transaction> {
        Ok(Transaction::new(self.db.begin().await?))
    }
}

#[async_trait]
impl RecordStore for SqlRecords {
    async fn insert_in(&self, tx: &mut Transaction, owner: &UserId, records: Vec<Record>) -> Result<()> {
        let tx = self.db.of(tx)?;
        for record in &records {
            tx.execute(
                "INSERT INTO record (kind, id, owner, name, parent, created_at, expires_at, version, body)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                &[
                    (&record.kind).into(),
                    (&record.id).into(),
                    owner.into(),
                    (&record.key).into(),
                    (&record.group).into(),
                    record.created_at.into(),
                    record.expires_at.into(),
                    record.version.into(),
                    (&record.body).into(),
                ],
            )
            .await?;
        }
        Ok(())
    }

    async fn get_in(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        kind: &str,
        id: &str,
    ) -> Result<Option<Record>> {
        let found = self.db.of(tx)?.one(GET, &[kind.into(), id.into(), owner.into()]).await?;
        found.map(|row| record(&row)).transpose()
    }

    async fn get(&self, owner: &UserId, kind: &str, id: &str) -> Result<Option<Record>> {
        self.db.one(GET, &[kind.into(), id.into(), owner.into()]).await?.map(|row| record(&row)).transpose()
    }

    async fn find(&self, owner: &UserId, kind: &str, key: &str) -> Result<Option<Record>> {
        let sql = "SELECT * FROM record WHERE owner = $1 AND kind = $2 AND name = $3";
        self.db.one(sql, &[owner.into(), kind.into(), key.into()]).await?.map(|row| record(&row)).transpose()
    }

    async fn list(
        &self,
        owner: &UserId,
        kind: &str,
        group: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Record>> {
        let (at, id) = match &page.after {
            None => page.first_place(),
            Some(id) => {
                let cursor = self.get(owner, kind, id).await?.ok_or_else(|| page.unknown_cursor())?;
                (cursor.created_at, cursor.id)
            }
        };
        let mut values = vec![owner.into(), kind.into(), at.into(), id.into(), page.limit_and_one().into()];
        values.extend(group.map(Into::into));
        let sql = match (group, page.order) {
            (None, Order::Asc) => {
                "SELECT * FROM record WHERE owner = $1 AND kind = $2 AND (created_at, id) > ($3, $4)
                 ORDER BY created_at, id LIMIT $5"
            }
            (None, Order::Desc) => {
                "SELECT * FROM record WHERE owner = $1 AND kind = $2 AND (created_at, id) < ($3, $4)
                 ORDER BY created_at DESC, id DESC LIMIT $5"
            }
            (Some(_), Order::Asc) => {
                "SELECT * FROM record WHERE owner = $1 AND kind = $2 AND parent = $6 AND (created_at, id) > ($3, $4)
                 ORDER BY created_at, id LIMIT $5"
            }
            (Some(_), Order::Desc) => {
                "SELECT * FROM record WHERE owner = $1 AND kind = $2 AND parent = $6 AND (created_at, id) < ($3, $4)
                 ORDER BY created_at DESC, id DESC LIMIT $5"
            }
        };
        let rows = self.db.all(sql, &values).await?;
        Ok(page.of(rows.iter().map(record).collect::<Result<_>>()?))
    }

    async fn count(&self, owner: &UserId, kind: &str, group: Option<&str>) -> Result<u64> {
        let sql = match group {
            None => "SELECT COUNT(*) AS count FROM record WHERE owner = $1 AND kind = $2",
            Some(_) => "SELECT COUNT(*) AS count FROM record WHERE owner = $1 AND kind = $2 AND parent = $3",
        };
        let mut values = vec![owner.into(), kind.into()];
        values.extend(group.map(Into::into));
        self.db.count(sql, &values).await
    }

    async fn everything(
        &self,
        owner: &UserId,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        // The empty text sorts before every kind and every id.
        let (kind, id) = after.unwrap_or_default();
        let sql =
            "SELECT * FROM record WHERE owner = $1 AND (kind, id) > ($2, $3) ORDER BY kind, id LIMIT $4";
        let values = [owner.into(), kind.into(), id.into(), i64::from(limit).into()];
        self.db.all(sql, &values).await?.iter().map(record).collect()
    }

    async fn replace_in(&self, tx: &mut Transaction, owner: &UserId, record: Record) -> Result<bool> {
        Ok(self.db.of(tx)?.execute(REPLACE, &replaced(owner, &record)).await? > 0)
    }

    async fn delete(&self, owner: &UserId, kind: &str, id: &str) -> Result<bool> {
        let sql = "DELETE FROM record WHERE kind = $1 AND id = $2 AND owner = $3";
        Ok(self.db.execute(sql, &[kind.into(), id.into(), owner.into()]).await? > 0)
    }

    async fn delete_owner(&self, owner: &UserId) -> Result<u64> {
        self.db.execute_bulk("DELETE FROM record WHERE owner = $1", &[owner.into()]).await
    }

    async fn sweep(&self, now: Millis, limit: u32) -> Result<u64> {
        let sql = "DELETE FROM record WHERE (kind, id) IN
                   (SELECT kind, id FROM record WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
        self.db.execute_bulk(sql, &[now.into(), i64::from(limit).into()]).await
    }
}

const REPLACE: &str =
    "UPDATE record SET name = $4, parent = $5, expires_at = $6, body = $7, version = version + 1
     WHERE kind = $1 AND id = $2 AND owner = $3 AND version = $8";

fn replaced(owner: &UserId, record: &Record) -> [Value; 8] {
    [
        (&record.kind).into(),
        (&record.id).into(),
        owner.into(),
        (&record.key).into(),
        (&record.group).into(),
        record.expires_at.into(),
        (&record.body).into(),
        record.version.into(),
    ]
}

fn record(row: &Row) -> Result<Record> {
    Ok(Record {
        kind: row.text("kind")?,
        id: row.text("id")?,
        key: row.opt_text("name")?,
        group: row.opt_text("parent")?,
        created_at: row.int("created_at")?,
        expires_at: row.opt_int("expires_at")?,
        version: row.int("version")?,
        body: row.text("body")?,
    })
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use crate::{Database, record};

    #[tokio::test]
    async fn a_sqlite_file_passes_the_record_suite() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::sqlite(folder.path().join("a file.db")).await.unwrap();
        let records = record::on(&database).await.unwrap();
        crate::promises::records(records.clone()).await;
        // A second run, beside the records that the first run left in the file.
        crate::promises::records(records).await;
        database.close().await;
    }
}
