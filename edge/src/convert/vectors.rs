//! Dense vectors, named and unnamed. Sparse vectors, several vectors of one name, and texts to embed
//! are refused.

use std::collections::HashMap;

use qdrant_client::qdrant::{
    DenseVector, NamedVectorsOutput, Vector, VectorOutput, Vectors, VectorsOutput, vector, vector_output,
    vectors::VectorsOptions, vectors_output,
};
use qdrant_edge::{
    DEFAULT_VECTOR_NAME, EdgeConfig, VectorInternal, VectorPersisted, VectorStructInternal, VectorStructPersisted,
};
use tonic::Status;

use super::{refuse, unsupported};

/// Reads the vectors of a point.
pub(crate) fn point(vectors: Option<Vectors>, config: &EdgeConfig) -> Result<VectorStructPersisted, Status> {
    match vectors.and_then(|vectors| vectors.vectors_options) {
        Some(VectorsOptions::Vector(one)) => {
            let one = dense(one)?;
            check(config, DEFAULT_VECTOR_NAME, &one)?;
            Ok(VectorStructPersisted::Single(one))
        }
        Some(VectorsOptions::Vectors(named)) => {
            let mut vectors = HashMap::with_capacity(named.vectors.len());
            for (name, one) in named.vectors {
                let one = dense(one)?;
                check(config, &name, &one)?;
                vectors.insert(name, VectorPersisted::Dense(one));
            }
            Ok(VectorStructPersisted::Named(vectors))
        }
        None => Err(Status::invalid_argument("Expected some vectors")),
    }
}

#[expect(deprecated, reason = "clients before 1.16 still send the flat fields")]
fn dense(vector: Vector) -> Result<Vec<f32>, Status> {
    match vector.vector {
        Some(vector::Vector::Dense(dense)) => Ok(dense.data),
        Some(vector::Vector::Sparse(_)) => Err(unsupported("vectors.sparse")),
        Some(vector::Vector::MultiDense(_)) => Err(unsupported("vectors.multi_dense")),
        Some(vector::Vector::Document(_)) => Err(unsupported("vectors.document")),
        Some(vector::Vector::Image(_)) => Err(unsupported("vectors.image")),
        Some(vector::Vector::Object(_)) => Err(unsupported("vectors.object")),
        None => {
            refuse(vector.indices.is_some(), "vectors.indices")?;
            refuse(vector.vectors_count.is_some(), "vectors.vectors_count")?;
            Ok(vector.data)
        }
    }
}

/// Checks the name and the length of a vector. The engine itself would stop in the middle of a batch.
pub(crate) fn check(config: &EdgeConfig, name: &str, vector: &[f32]) -> Result<(), Status> {
    let Some(params) = config.vectors.get(name) else {
        return Err(Status::invalid_argument(format!(
            "Wrong input: Not existing vector name error: {name}"
        )));
    };
    if params.size != vector.len() {
        return Err(Status::invalid_argument(format!(
            "Wrong input: Vector dimension error: expected dim: {}, got {}",
            params.size,
            vector.len()
        )));
    }
    Ok(())
}

/// Writes the vectors of a point; none if it has none.
pub(crate) fn out(vectors: VectorStructInternal) -> Option<VectorsOutput> {
    let options = match vectors {
        VectorStructInternal::Single(one) => vectors_output::VectorsOptions::Vector(dense_out(one)),
        VectorStructInternal::Named(mut named) => match named.remove(DEFAULT_VECTOR_NAME) {
            Some(one) => vectors_output::VectorsOptions::Vector(one_out(one)?),
            None => vectors_output::VectorsOptions::Vectors(NamedVectorsOutput {
                vectors: named
                    .into_iter()
                    .filter_map(|(name, one)| Some((name, one_out(one)?)))
                    .collect(),
            }),
        },
        // No collection here has such a vector.
        VectorStructInternal::MultiDense(_) => return None,
    };
    Some(VectorsOutput {
        vectors_options: Some(options),
    })
}

fn one_out(vector: VectorInternal) -> Option<VectorOutput> {
    match vector {
        VectorInternal::Dense(dense) => Some(dense_out(dense)),
        // No collection here has such a vector.
        VectorInternal::Sparse(_) | VectorInternal::MultiDense(_) => None,
    }
}

fn dense_out(data: Vec<f32>) -> VectorOutput {
    VectorOutput {
        vector: Some(vector_output::Vector::Dense(DenseVector { data })),
        ..VectorOutput::default()
    }
}
