//! LightGBM's C library from the Python package, and the same trees as C code by tl2cgen.

use super::{python, same};
use crate::case::Lane;
use crate::groups::ml::TREE_FEATURES;
use crate::groups::ml::data::{Rows, trees_text};
use crate::program::Program;
use bot4_ml::BoostedTrees;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Trees to C to a library, with the branches annotated from the rows.
const COMPILE: &str = r#"
import sys, numpy, treelite, tl2cgen
folder = sys.argv[1]
model = treelite.frontend.load_lightgbm_model(folder + "/model.txt")
rows = numpy.fromfile(folder + "/rows", dtype=numpy.float64).reshape(-1, 32)
tl2cgen.annotate_branch(model, tl2cgen.DMatrix(rows), path=folder + "/annotation.json", verbose=False)
tl2cgen.export_lib(model, toolchain="gcc", libpath=folder + "/trees.so",
                   params={"annotate_in": folder + "/annotation.json"}, options=["-O3"], verbose=False)
print(folder + "/trees.so")
"#;

pub(super) fn lightgbm() -> Result<Lane, String> {
    const FIND: &str = "import glob, os, importlib.util as u; print(glob.glob(os.path.join(os.path.dirname(u.find_spec('lightgbm').origin), 'lib', 'lib_lightgbm.so'))[0])";
    let library = python(FIND, "")?;
    Helper::start("lightgbm", |_| Ok(library))?.lane()
}

pub(super) fn tl2cgen() -> Result<Lane, String> {
    Helper::start("tl2cgen", |folder| python(COMPILE, &folder.to_string_lossy()))?.lane()
}

/// The C program: of each count it predicts so many rows, the first first, and answers the last prediction.
struct Helper {
    program: Program,
    folder: PathBuf,
}

impl Helper {
    /// Compiles the program, writes model and rows beside it, and starts it on what `library` finds or makes.
    fn start(kind: &str, library: impl FnOnce(&Path) -> Result<String, String>) -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let folder = std::env::temp_dir().join(format!("bot4-benches-{}-{kind}", std::process::id()));
        fs::create_dir_all(&folder).map_err(text)?;
        let rows: Vec<u8> =
            Rows::<f64>::new(TREE_FEATURES).all().iter().flat_map(|x| x.to_le_bytes()).collect();
        fs::write(folder.join("rows"), rows).map_err(text)?;
        fs::write(folder.join("model.txt"), trees_text()).map_err(text)?;
        fs::write(folder.join("trees.c"), include_str!("trees.c")).map_err(text)?;
        let program = folder.join("trees");
        let compiled = Command::new("cc")
            .args(["-O3", "-o"])
            .arg(&program)
            .arg(folder.join("trees.c"))
            .arg("-ldl")
            .output()
            .map_err(|error| format!("cc: {error}"))?;
        if !compiled.status.success() {
            return Err(String::from_utf8_lossy(&compiled.stderr).into_owned());
        }
        let library = library(&folder)?;
        let program = Program::start(Command::new(program).args([kind, &library]).arg(&folder))?;
        Ok(Self { program, folder })
    }

    /// Compares predictions, row after row, and becomes a lane.
    fn lane(mut self) -> Result<Lane, String> {
        let trees = BoostedTrees::from_lightgbm(&trees_text()).map_err(|error| error.to_string())?;
        let (mut scratch, mut out) = (vec![0.0; trees.scratch_len()], [0.0]);
        let mut rows = Rows::<f64>::new(TREE_FEATURES);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..256 {
            trees.predict_raw(rows.next(), &mut scratch, &mut out);
            ours.push(out[0]);
            theirs.push(self.program.ask(1)?);
        }
        same(&ours, &theirs, 1e-12)?;
        Ok(Box::new(move |operations: u64| {
            std::hint::black_box(self.program.ask(operations).expect("it answered before"));
        }))
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}
