import { Router } from 'express';
import multer from 'multer';
import { createHash, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { signedIn } from './accounts.js';
import { HttpError, handle } from './errors.js';

const MAX_BYTES = 1_048_576;
const TYPES = { 'image/png': 'png', 'image/jpeg': 'jpg', 'text/plain': 'txt' };

const present = (upload) => ({
  id: upload._id,
  name: upload.name,
  type: upload.type,
  bytes: upload.bytes,
  sha256: upload.sha256,
  createdAt: upload.createdAt,
});

/** POST /uploads (one multipart field `file`) keeps a photo or a note; GET /uploads/:id tells about it. */
export function uploadRoutes({ uploads }, uploadDir) {
  const receive = multer({
    storage: multer.memoryStorage(),
    limits: { fileSize: MAX_BYTES, files: 1, fields: 5 },
  });
  const routes = Router();
  routes.use('/uploads', signedIn);

  routes.post(
    '/uploads',
    receive.single('file'),
    handle(async (req, res) => {
      const { file } = req;
      if (!file) throw new HttpError(400, 'no file');
      const extension = TYPES[file.mimetype];
      if (!extension) throw new HttpError(415, `cannot take ${file.mimetype}`);
      const upload = {
        _id: randomUUID(),
        userId: req.session.user.id,
        name: file.originalname,
        type: file.mimetype,
        bytes: file.size,
        sha256: createHash('sha256').update(file.buffer).digest('hex'),
        createdAt: new Date(),
      };
      await writeFile(join(uploadDir, `${upload._id}.${extension}`), file.buffer, {
        flag: 'wx',
        mode: 0o600,
      });
      await uploads.insertOne(upload);
      res.status(201).location(`/api/uploads/${upload._id}`).json(present(upload));
    }),
  );

  routes.get(
    '/uploads/:id',
    handle(async (req, res) => {
      const upload = await uploads.findOne({ _id: req.params.id, userId: req.session.user.id });
      if (!upload) throw new HttpError(404, 'no such upload');
      res.json(present(upload));
    }),
  );
  return routes;
}
